-- By which card the SMART app is opened: what stands in a card's link, good once and for as long as the card.
create table card_handle (
    handle_hash text primary key,    -- SHA-256 of the handle, as hex
    bound_hash text not null,        -- SHA-256 of handle, FHIR server and patient: without the handle it names nobody
    service text not null,
    card text not null,
    phenotype text,                  -- what the card estimates
    until_ms bigint not null         -- after this there is no such handle
);
create index card_handle_by_until on card_handle (until_ms);
