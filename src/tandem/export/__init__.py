"""A trained model in the formats of other tools, each checked against ours before it is called done."""
