-- What was done with a card. The id is a hash of the entry, so that a repeated delivery is one row.
create table feedback (
    id text primary key,
    at_ms bigint not null,
    service text not null,
    client text,                     -- issuer; null: anonymous
    card text not null,
    known_card bigint not null,      -- 1: this service showed it; 0: it did not
    outcome text not null,           -- accepted or overridden
    accepted_suggestions text not null, -- JSON [id]
    override_system text,
    override_code text,
    has_comment bigint not null,     -- 1: a comment came along; its text is not kept
    outcome_at_ms bigint not null
);
create index feedback_by_card on feedback (card);
create index feedback_by_time on feedback (at_ms);
