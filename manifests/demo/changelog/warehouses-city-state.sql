--liquibase formatted sql logicalFilePath:warehouses-city-state.sql

--changeset bbq:add-city-state
--comment: nullable, without default: no rewrite, and the old application does not notice
ALTER TABLE warehouses ADD COLUMN city text, ADD COLUMN state text;
--rollback ALTER TABLE warehouses DROP COLUMN city, DROP COLUMN state;

--changeset bbq:keep-location-in-step splitStatements:false
--comment: the old version of the application writes location, the new one city and state; both must work
CREATE FUNCTION warehouses_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.location IS DISTINCT FROM OLD.location THEN
        IF NEW.location IS NOT NULL THEN
            -- the state is what follows the last comma; a district may stand between
            NEW.state := substring(NEW.location FROM ', ([^,]+)$');
            NEW.city := substring(NEW.location FROM '^(.*), [^,]+$');
            RETURN NEW;
        END IF;
    END IF;
    IF NEW.city IS NOT NULL AND NEW.state IS NOT NULL THEN
        NEW.location := NEW.city || ', ' || NEW.state;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER warehouses_in_step BEFORE INSERT OR UPDATE ON warehouses FOR EACH ROW EXECUTE FUNCTION warehouses_in_step();
--rollback DROP TRIGGER warehouses_in_step ON warehouses; DROP FUNCTION warehouses_in_step();

--changeset bbq:backfill
UPDATE warehouses
SET    state = substring(location FROM ', ([^,]+)$'), city = substring(location FROM '^(.*), [^,]+$')
WHERE  city IS NULL;
--rollback empty

--changeset bbq:city-state-present
--comment: NOT VALID first, so that the table is only scanned under a lock that lets writes pass
ALTER TABLE warehouses ADD CONSTRAINT city_state_present CHECK (city IS NOT NULL AND state IS NOT NULL) NOT VALID;
--rollback ALTER TABLE warehouses DROP CONSTRAINT city_state_present;

--changeset bbq:city-state-validated
ALTER TABLE warehouses VALIDATE CONSTRAINT city_state_present;
--rollback empty

--changeset bbq:index-state-city runInTransaction:false
CREATE INDEX CONCURRENTLY warehouses_state_city ON warehouses (state, city);
--rollback DROP INDEX warehouses_state_city;
