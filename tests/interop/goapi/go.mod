module interop/goapi

go 1.21

require github.com/sttp/goapi v0.6.0
