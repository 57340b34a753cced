-- Checks of a run, as values of it have their own index.
CREATE INDEX check_by_run ON event (run, id) WHERE kind = 4;
