"""What the operator checks where the upstream denies access: a wrong host denies it as well as the right one."""

ACCESS = "STABILITY_KEY, and STABILITY_HOST: another server may answer there"
