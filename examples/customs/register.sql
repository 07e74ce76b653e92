-- The customs board's own database, with names and types of its own: dates as days since 1970, money
-- in cents, traders by number. Nobody outside knows of these.
CREATE TABLE decl (no TEXT PRIMARY KEY, trader INTEGER NOT NULL, day INTEGER NOT NULL, duty_c INTEGER);
INSERT INTO decl VALUES ('26EE0001', 10203040, 20400, 125050);
INSERT INTO decl VALUES ('26EE0002', 10203040, 20461, NULL);
INSERT INTO decl VALUES ('26EE0003', 99887766, 20470, 990);
