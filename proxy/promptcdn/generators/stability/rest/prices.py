"""What the engines of Stability's REST API cost.

Source: the service's OpenAPI document in copies of 2025 and 2026, read in November 2026, "Credits": flat rates, so that
neither the size nor anything else makes a picture dearer. Rates of 2024 and 2025 were the same, but for that of
upscalers. They may change at any
time: PROMPTCDN_PRICES goes first.
"""

from promptcdn.money.costs import Price

PRICES = (
    Price(r"core", 3000, any_steps=True),
    Price(r"ultra", 8000, any_steps=True),
    Price(r"sd3\.5-large", 6500, any_steps=True),
    Price(r"sd3\.5-large-turbo", 4000, any_steps=True),
    Price(r"sd3\.5-medium", 3500, any_steps=True),
    Price(r"sd3\.5-flash", 2500, any_steps=True),
    # 1 until 2024.
    Price(r"upscale-fast", 2000, any_steps=True),
)
