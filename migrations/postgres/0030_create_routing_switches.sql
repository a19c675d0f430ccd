-- What operators took out of routing: a provider, a model, or a pair of both. An empty text stands for all of them.

CREATE TABLE routing_switches (
    provider   text        NOT NULL,
    model      text        NOT NULL,
    reason     text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (provider, model),
    CONSTRAINT a_switch_names_something CHECK (provider <> '' OR model <> '')
);
