//! From where the pods of an object are reached.

use manifest::Node;
use rules::{Container, Object, Pod, Set};

/// From where an object is reached, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// Nothing among the inputs leads to it.
    None,
    /// From the pods of the cluster.
    Cluster,
    /// From whoever reaches a node.
    Node,
    /// From outside, by way of a load balancer, an Ingress or a gateway.
    Open,
}

impl Exposure {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::None, Self::Cluster, Self::Node, Self::Open];

    /// The factor of the formula.
    pub fn factor(self) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Cluster => 1.25,
            Self::Node => 1.5,
            Self::Open => 2.0,
        }
    }
}

/// Why an object is reached from somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) from: Exposure,
    pub(crate) reason: String,
    /// The fields of the object itself that open the way; none when another object does.
    pub(crate) fields: &'static [&'static str],
}

fn way(from: Exposure, reason: impl Into<String>, fields: &'static [&'static str]) -> Way {
    Way { from, reason: reason.into(), fields }
}

/// The ways to an object; `None` for objects that nobody reaches because nothing of them runs.
pub(crate) fn ways(set: &Set<'_>, object: &Object<'_>) -> Option<Vec<Way>> {
    if let Some(pod) = &object.pod {
        let services = set.services_selecting(object);
        let of_services = services.into_iter().flat_map(|service| to_service(set, service, object));
        return Some(of_services.chain(to_node(pod)).collect());
    }
    if object.is("", "Service") {
        return Some(to_service(set, object, object));
    }
    leads_in(object).then(|| vec![way(Exposure::Open, format!("it is a {}", object.kind), &[])])
}

/// The ways through a Service to `target`, which is the Service itself or the pods behind it.
fn to_service(set: &Set<'_>, service: &Object<'_>, target: &Object<'_>) -> Vec<Way> {
    let itself = target.position == service.position;
    let own = |fields| if itself { fields } else { &[][..] };
    let name = title(service);
    let mut ways = vec![way(Exposure::Cluster, format!("{name} selects its pods"), &[])];
    match service.at(&["spec", "type"]).and_then(Node::as_str) {
        Some("LoadBalancer") => {
            ways.push(way(
                Exposure::Open,
                format!("{name} is of type LoadBalancer"),
                own(&["type"]),
            ));
        }
        Some("NodePort") => {
            ways.push(way(Exposure::Node, format!("{name} is of type NodePort"), own(&["type"])));
        }
        _ => {}
    }
    let external = service.at(&["spec", "externalIPs"]).filter(|list| list.is_seq());
    if external.is_some_and(|list| !list.is_empty()) {
        ways.push(way(Exposure::Node, format!("{name} has externalIPs"), own(&["externalIPs"])));
    }
    let routes = set.referring(service, "Service", service.name);
    let routes = routes.into_iter().filter(|route| leads_in(route));
    ways.extend(
        routes.map(|route| way(Exposure::Open, format!("{} leads to {name}", title(route)), &[])),
    );
    ways
}

/// The ways past every Service.
fn to_node(pod: &Pod<'_>) -> Vec<Way> {
    let mut ways = Vec::new();
    if pod.flag("hostNetwork") {
        let reason = "it has the network of the node (hostNetwork)";
        ways.push(way(Exposure::Node, reason, &["hostNetwork"]));
    }
    let mut ports = pod.containers.iter().flat_map(Container::ports);
    let host_port = |port: Node<'_>| port.get("hostPort").and_then(Node::as_i64).filter(|p| *p > 0);
    if let Some(port) = ports.find_map(|(_, port)| host_port(port)) {
        ways.push(way(Exposure::Node, format!("it has the hostPort {port}"), &["hostPort"]));
    }
    ways
}

/// Whether an object brings requests from outside the cluster in: an Ingress, a gateway, or a route
/// that hangs on a gateway.
fn leads_in(object: &Object<'_>) -> bool {
    let names = |keys: &[&str]| object.at(keys).filter(|list| list.is_seq());
    match (object.group(), object.kind) {
        ("networking.k8s.io" | "extensions", "Ingress")
        | ("gateway.networking.k8s.io" | "networking.istio.io", "Gateway") => true,
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => {
            let is_gateway = |parent: Node<'_>| {
                parent.get("kind").and_then(Node::as_str).is_none_or(|kind| kind != "Service")
            };
            names(&["spec", "parentRefs"]).is_some_and(|list| list.items().any(is_gateway))
        }
        ("networking.istio.io", "VirtualService") => names(&["spec", "gateways"])
            .is_some_and(|list| list.items().any(|name| name.as_str() != Some("mesh"))),
        _ => false,
    }
}

/// `Service shop/web`, as messages name an object.
fn title(object: &Object<'_>) -> String {
    format!("{} {}/{}", object.kind, object.effective_namespace(), object.name)
}

#[cfg(test)]
mod tests {
    use super::{Exposure, ways};
    use crate::testing::with_set;

    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: \
        {app: web}}\nspec: {containers: [{name: web, image: nginx}]}\n";
    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
        spec: {selector: {app: web}}\n";

    fn highest(text: &str) -> (Exposure, String) {
        with_set(text, |set| {
            let ways = ways(set, set.object(0)).unwrap();
            let highest = ways.into_iter().max_by_key(|way| way.from);
            highest.map_or((Exposure::None, String::new()), |way| (way.from, way.reason))
        })
    }

    fn beside(others: &[&str]) -> (Exposure, String) {
        highest(&[&[POD], others].concat().join("---\n"))
    }

    #[test]
    fn services_open_by_their_type() {
        assert_eq!(beside(&[]).0, Exposure::None);
        assert_eq!(beside(&[SERVICE]).0, Exposure::Cluster);
        let with = |spec: &str| SERVICE.replace("spec: {", &format!("spec: {{{spec}, "));
        assert_eq!(beside(&[&with("type: NodePort")]).0, Exposure::Node);
        assert_eq!(beside(&[&with("externalIPs: [192.0.2.1]")]).0, Exposure::Node);
        let (from, reason) = beside(&[SERVICE, &with("type: LoadBalancer")]);
        assert_eq!(from, Exposure::Open);
        assert_eq!(reason, "Service shop/web is of type LoadBalancer");
    }

    #[test]
    fn services_of_others_do_not_count() {
        for (from, to) in [("namespace: shop", "namespace: other"), ("app: web", "app: db")] {
            let service = SERVICE.replace(from, to).replace("spec: {", "spec: {type: NodePort, ");
            assert_eq!(beside(&[&service]).0, Exposure::None, "{to}");
        }
    }

    #[test]
    fn routes_from_outside_open_through_the_service() {
        const INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: \
            in, namespace: shop}\nspec: {defaultBackend: {service: {name: web}}}\n";
        const ROUTE: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: \
            {name: in, namespace: shop}\nspec: {parentRefs: [{name: gate}], rules: [{backendRefs: \
            [{name: web, port: 80}]}]}\n";
        const VIRTUAL: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: \
            {name: in, namespace: shop}\nspec: {gateways: [gate], http: [{route: [{destination: \
            {host: web}}]}]}\n";
        for route in [INGRESS, ROUTE, VIRTUAL] {
            let (from, reason) = beside(&[SERVICE, route]);
            assert_eq!(from, Exposure::Open, "{route}");
            assert!(reason.ends_with("shop/in leads to Service shop/web"), "{reason}");
            // Without the Service the route leads nowhere.
            assert_eq!(beside(&[route]).0, Exposure::None, "{route}");
        }
        let in_the_mesh = [
            ROUTE.replace("{name: gate}", "{kind: Service, group: \"\", name: web}"),
            VIRTUAL.replace("[gate]", "[mesh]"),
            VIRTUAL.replace("gateways: [gate], ", ""),
        ];
        for route in &in_the_mesh {
            assert_eq!(beside(&[SERVICE, route]).0, Exposure::Cluster, "{route}");
        }
    }

    #[test]
    fn the_network_and_ports_of_the_node_open_without_a_service() {
        let pod = POD.replace("spec: {", "spec: {hostNetwork: true, ");
        assert_eq!(highest(&pod).0, Exposure::Node);
        let pod = POD.replace("image: nginx", "ports: [{containerPort: 80, hostPort: 80}]");
        assert_eq!(highest(&pod), (Exposure::Node, "it has the hostPort 80".to_owned()));
    }

    #[test]
    fn what_nobody_reaches_has_no_exposure() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        assert!(with_set(map, |set| ways(set, set.object(0)).is_none()));
        assert_eq!(
            highest(&SERVICE.replace("spec: {", "spec: {type: NodePort, ")).0,
            Exposure::Node
        );
    }
}
