# Completion of ehlo in elvish: `ehlo completions elvish` prints this script. The candidates are found by ehlo itself.
use str

set edit:completion:arg-completer[ehlo] = {|@words|
    for line [(try { (external ehlo) completions --words $@words 2>/dev/null } catch { nop } | from-lines)] {
        if (str:has-prefix $line ':files ') {
            edit:complete-filename $words[-1]
        } elif (str:has-prefix $line ':command ') {
            # The words after the first are the command.
            edit:complete-sudo $@words[(- (str:trim-prefix $line ':command ') 1)..]
        } elif (not (str:has-prefix $line ':')) {
            var value @about = (str:split "\t" $line)
            edit:complex-candidate $value &display=(str:join '  ' [$value $@about])
        }
    }
}
