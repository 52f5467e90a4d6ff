# Verifies the DKIM signatures of messages by Mail::DKIM: for each file the selectors of the signatures that are valid.
# The first argument is a file of keys: a name and its TXT record on each line. The version in Debian 12 has no Ed25519.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS;

my %keys;
open my $list, '<', shift or die;
while (<$list>) {
    chomp;
    my ($name, $record) = split / /, $_, 2;
    $keys{$name} = join ' ', map { "\"$_\"" } unpack '(A255)*', $record;
}
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query_async = sub {
        my ($name, $type, %options) = @_;
        my $text = $keys{$name};
        my @records = defined $text ? Net::DNS::RR->new("$name TXT $text") : ();
        my $result = $options{Callbacks}{Success}->(@records);
        return sub { $result };
    };
}
for my $path (@ARGV) {
    open my $file, '<:raw', $path or die;
    local $/;
    my $message = <$file>;
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($message);
    $verifier->CLOSE;
    my @valid = map { $_->selector } grep { $_->result eq 'pass' } $verifier->signatures;
    print join("\t", $path, sort @valid), "\n";
}
