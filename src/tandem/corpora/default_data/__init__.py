"""The default data: fetched, checked, and written as workbooks."""
