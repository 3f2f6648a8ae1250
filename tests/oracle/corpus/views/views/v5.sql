select id,
  name -- the name
from people
