"""Who asks for a picture and what they are told: pure rules over the heads of requests and answers."""
