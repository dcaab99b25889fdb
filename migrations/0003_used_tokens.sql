-- Tokens that were used, so that none is used twice, whichever replica it reaches. Rows go when their time is over.
create table used_token (
    issuer text not null,
    jti_hash text not null,          -- SHA-256 of the token's id, as hex
    until_ms bigint not null,        -- after this the token is refused as expired
    primary key (issuer, jti_hash)
);
create index used_token_by_until on used_token (until_ms);
