"""The servers' names of our samplers and schedulers.

Sources, read in November 2026:
- Forge (June 2025), `modules/sd_samplers_kdiffusion.py`, `sd_samplers_timesteps.py`, `modules_forge/alter_samplers.py`
  and `modules/sd_schedulers.py`; AUTOMATIC1111 has the same but for DDPM. Both take names, and schedulers also labels.
- SD.Next (July 2026), `modules/sd_samplers_diffusers.py`: takes these names too, and answers 404 to one that it lacks.
- KoboldCpp (October 2024), `koboldcpp.py`: Euler a, Euler, Heun, DPM2, DPM++ 2M.
- stable-diffusion.cpp (sources of 2026), `examples/server/routes_sdapi.cpp` and `src/stable-diffusion.cpp`: Euler a,
  Euler, Heun, DPM2, DDIM, DPM++ 2M; karras, exponential, sgm_uniform, simple, kl_optimal. It draws with its default
  where it does not know a name, and does not say so.
"""

SAMPLERS = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "k_euler": "Euler",
    "k_euler_ancestral": "Euler a",
    "k_heun": "Heun",
    "k_dpm_2": "DPM2",
    "k_dpm_2_ancestral": "DPM2 a",
    "k_lms": "LMS",
    "k_dpmpp_2s_ancestral": "DPM++ 2S a",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_sde": "DPM++ SDE",
}
# Ours where they are not the same.
SCHEDULERS = {"ddim_uniform": "ddim"}
