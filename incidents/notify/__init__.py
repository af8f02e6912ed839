"""Who must hear about an event, in which words, over which channel; and the sending."""
