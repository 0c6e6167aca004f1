"""A picture becomes a character: decoded safely, its face and body found, its layers cut out."""
