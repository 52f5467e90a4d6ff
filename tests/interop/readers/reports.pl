# Reads delivery reports with Mail::DeliveryStatus::BounceParser and prints what it makes of them.
use strict;
use warnings;
use Mail::DeliveryStatus::BounceParser;

sub value {
    my ($report, $name) = @_;
    my $value = $report->get($name) // '-';
    $value =~ s/\s+$//;
    return $value;
}

for my $path (@ARGV) {
    print "message\t$path\n";
    open my $file, '<', $path or die "$path: $!";
    my $text = do { local $/; <$file> };
    $text =~ s/\r\n/\n/g;
    my $bounce = Mail::DeliveryStatus::BounceParser->new($text);
    my $kind = $bounce->is_bounce ? 'bounce' : 'no bounce';
    my $id = $bounce->orig_message_id // '-';
    print join("\t", $kind, $id), "\n";
    for my $report ($bounce->reports) {
        my @names = qw(email status std_reason smtp_code reason);
        print join("\t", map { value($report, $_) } @names), "\n";
    }
}
