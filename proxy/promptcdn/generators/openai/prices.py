"""What hosted servers with OpenAI's images API charge, a credit being a US cent.

Sources, read in November 2026: OpenAI's price list as users quote it (by tokens: gpt-image-1-mini up to 5.2 cents and
gpt-image-1.5 up to 20 cents in high quality at 1536x1024, later models a quarter less), xAI's (2 cents, quality 7
cents), Together's and DeepInfra's pages of FLUX models (0.3 to 8 cents). Where these differ the highest price is taken,
since a budget that counts too little is none.
"""

from promptcdn.money.costs import Price

PRICES = (
    Price(r"(.*/)?gpt-image-1-mini.*", 5200, any_steps=True),
    Price(r"(.*/)?(gpt-image|chatgpt-image)-.*", 20000, any_steps=True),
    Price(r"(.*/)?grok-.*", 7000, any_steps=True),
    Price(r"(?i).*schnell.*", 300, any_steps=True),
    Price(r"(?i).*flux.*", 8000, any_steps=True),
)
