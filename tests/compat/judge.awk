# SPDX-License-Identifier: GPL-2.0
#
# Compares what kipc-scenarios printed with what a list expects of it; says what differs, and fails.
#
#   awk -f judge.awk LIST OUTPUT

function bad(text) {
	print "not ok  " text
	failed = 1
}

NR == FNR {
	if (!/^#/ && NF) {
		name = $2
		want[name] = $1
		$1 = $2 = ""
		sub(/^ +/, "")
		words[name] = $0
	}
	next
}

/^(not )?ok [0-9]+ / {
	good = $1 == "ok"
	name = good ? $3 : $4
	seen[name] = 1
	if (want[name] == "ok" && !good)
		bad(name " fails:" said)
	if (want[name] == "fails" && good)
		bad(name " succeeds, and should fail with the words: " words[name])
	if (want[name] == "fails" && !good && !index(said, words[name]))
		bad(name " does not fail with the words: " words[name] " but with:" said)
	if (want[name] == "ok" && good || want[name] == "fails" && !good)
		as_wanted[want[name]]++
	said = ""
	next
}

# What a scenario says comes before its verdict. A line more or less makes no difference.
{
	$1 = $1
	said = said " " $0
}

END {
	for (name in want)
		if (want[name] != "out" && !(name in seen))
			bad(name " was not run")
	if (!failed)
		printf "ok      %d scenarios succeed, %d fail with the words they should\n", as_wanted["ok"], as_wanted["fails"]
	exit failed
}
