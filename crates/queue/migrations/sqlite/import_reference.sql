INSERT INTO items (id, policy_id, state, attempts, max_attempts, enqueued_at, last_update,
                   risk, probability, expected_time, kev, wait)
SELECT id, policy_id, state, attempts, max_attempts, enqueued_at, last_update,
       risk, probability, expected_time, kev, coalesce(wait, 0.0)
FROM items_of_reference
ORDER BY rowid;

DROP TABLE items_of_reference;
