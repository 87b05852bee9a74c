# expect: OK reached None
