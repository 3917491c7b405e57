"""What SOVI's database must be like before and after `migrate`: its tables, its roles."""
