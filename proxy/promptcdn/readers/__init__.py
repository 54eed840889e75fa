"""Who asks for a picture, and the headers of answers: pure rules over the heads of requests and answers."""
