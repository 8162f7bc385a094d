module impostor

go 1.24
