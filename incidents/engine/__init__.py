"""The functional core: plans, events and time in; state, promises and effects out. No ORM, no I/O, no clock."""
