module github.com/certgraft/certgraft/tools/house

go 1.26.0
