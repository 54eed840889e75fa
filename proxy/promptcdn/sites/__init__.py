"""Pictures of ours in static sites: what builders of sites plug in, and what happens to each picture at a build."""
