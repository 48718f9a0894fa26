// Command docker-delta ships a container image update as the few bytes that changed.
package main

func main() {}
