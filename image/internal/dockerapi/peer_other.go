//go:build !linux

package dockerapi

// Roots is empty here: the daemons of other systems run in a virtual machine.
func (c *Client) Roots() []string { return nil }
