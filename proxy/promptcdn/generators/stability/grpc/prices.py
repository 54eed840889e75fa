"""What the engines of Stability's protocol cost.

Sources: Stability's "Credits + Billing" page of 2023 (a table by steps and pixels, for all engines but SDXL), and its
price list as users quote it (2024: SDXL 1.0 0.2 to 0.6 credits, SD 1.6 0.2 to 1.0; 2025: SDXL 1.0 from 0.9). Where
these differ the highest price is taken, since a budget that counts too little is none.
"""

from promptcdn.money.costs import Price

PRICES = (
    Price(r"stable-diffusion-xl-1024-v(0-9|1-0)", 900),
    Price(r"stable-diffusion-v1-6", 1000),
    Price(r"stable-diffusion-(v1(-[0-5])?|512-v2-[01]|768-v2-[01])", 600, 1740),
)
