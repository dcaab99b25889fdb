-- What was said: one row for each answer. No patient, no name, no order text.
create table audit (
    id text primary key,
    at_ms bigint not null,
    hook_instance text not null,
    service text not null,
    hook text not null,
    client text,                     -- issuer; null: anonymous
    model text not null,
    definition_hash text not null,
    input_hash text not null,
    as_of_ms bigint not null,
    events_read bigint not null,
    skipped text not null,           -- JSON [{"type", "reason", "count"}]
    cards text not null,             -- JSON [uuid]
    abstained text not null,         -- JSON [{"phenotype", "horizon_days", "reason"}]
    outcome text not null,
    duration_ms double precision not null
);
create index audit_by_time on audit (at_ms);
create index audit_by_hook_instance on audit (hook_instance);

-- Each card that was shown, so that feedback finds it. A repeated call shows the same card again.
create table card (
    uuid text primary key,
    service text not null,
    audit_id text not null,
    at_ms bigint not null
);
create index card_by_audit on card (audit_id);
