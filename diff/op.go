package diff

// op is one operation: copy Len bytes from the address Old, with differences,
// then take Lit literal bytes.
type op struct {
	Len, Old, Lit int64
}

// opList builds operations for a target from its start to its end.
type opList struct {
	ops []op
	at  int64 // target bytes covered
}

// copy appends a copy of n bytes from the address old. What continues the
// previous copy becomes part of it.
func (l *opList) copy(old, n int64) {
	if n == 0 {
		return
	}
	l.at += n
	if k := len(l.ops) - 1; k >= 0 && l.ops[k].Lit == 0 && l.ops[k].Old+l.ops[k].Len == old {
		l.ops[k].Len += n
		return
	}
	l.ops = append(l.ops, op{Len: n, Old: old})
}

// literal appends n literal bytes.
func (l *opList) literal(n int64) {
	if n == 0 {
		return
	}
	l.at += n
	if len(l.ops) == 0 {
		l.ops = append(l.ops, op{})
	}
	l.ops[len(l.ops)-1].Lit += n
}

// append adds the operations of a following run of the target.
func (l *opList) append(ops []op) {
	for _, o := range ops {
		l.copy(o.Old, o.Len)
		l.literal(o.Lit)
	}
}
