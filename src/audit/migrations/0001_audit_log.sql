-- The audit log: one row an event, partitioned by UTC day. Partitions are made as events need them.

CREATE TABLE lockwatch_audit_log (
    "timestamp"       timestamptz      NOT NULL,
    kind              text             NOT NULL,
    user_id           text,
    ip                inet,
    endpoint          text,
    method            text,
    status_code       smallint,
    rate_limit_hit    boolean          NOT NULL,
    anomaly_detected  boolean          NOT NULL,
    latency_ms        double precision,
    data              jsonb,
    -- Two parts of the event's id; the third is its timestamp in milliseconds.
    epoch             bigint           NOT NULL,
    seq               bigint           NOT NULL,
    -- What makes an event arrive once. Newest first, it is also the order of the log.
    PRIMARY KEY ("timestamp", epoch, seq)
) PARTITION BY RANGE ("timestamp");

-- What did this user do?
CREATE INDEX lockwatch_audit_log_user ON lockwatch_audit_log (user_id, "timestamp" DESC, epoch DESC, seq DESC)
    WHERE user_id IS NOT NULL;
-- What came from this address, or this network?
CREATE INDEX lockwatch_audit_log_ip ON lockwatch_audit_log (ip, "timestamp" DESC, epoch DESC, seq DESC)
    WHERE ip IS NOT NULL;
-- Who called what begins with this?
CREATE INDEX lockwatch_audit_log_endpoint ON lockwatch_audit_log (endpoint text_pattern_ops)
    WHERE endpoint IS NOT NULL;

COMMENT ON TABLE lockwatch_audit_log IS 'Events recorded by LW.AUDIT, shipped by lockwatch';

-- The id as LW.AUDIT replied it: SELECT event_id(l), l.* FROM lockwatch_audit_log l.
CREATE FUNCTION event_id(event lockwatch_audit_log) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM event."timestamp") * 1000)::bigint
        || '-' || lpad(to_hex(event.epoch), 16, '0') || '-' || event.seq $$;
