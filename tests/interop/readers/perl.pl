# Reads messages with MIME::Parser and prints what it sees, one line a thing.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256_hex);
use Encode qw(decode);
use Mail::Address;
use MIME::Parser;

binmode STDOUT, ':utf8';

sub line { print join("\t", @_), "\n" }

sub name_of {
    my ($phrase) = @_;
    return '' unless defined $phrase;
    if ($phrase =~ /^"(.*)"$/s) {
        $phrase = $1;
        $phrase =~ s/\\(.)/$1/gs;
    }
    return decode('MIME-Header', $phrase);
}

sub part {
    my ($entity) = @_;
    if ($entity->parts) {
        part($_) for $entity->parts;
        return;
    }
    my $content = $entity->bodyhandle->as_string;
    my $name = $entity->head->recommended_filename // '';
    $name = decode('UTF-8', $name) unless utf8::is_utf8($name);
    if ($name eq '') {
        $content =~ s/\r\n/\n/g;
        $content =~ s/\n+\z//;
    }
    line('part', $entity->mime_type, $name, length $content, sha256_hex($content));
}

for my $path (@ARGV) {
    line('message', $path);
    my $parser = MIME::Parser->new;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    my $message = $parser->parse_open($path);
    line('defect', $_) for $parser->results->errors, $parser->results->warnings;
    my $head = $message->head->unfold;
    chomp(my $subject = $head->get('subject') // '');
    line('subject', decode('MIME-Header', $subject));
    for my $field ('from', 'to') {
        line($field, name_of($_->phrase), $_->address) for Mail::Address->parse($head->get($field));
    }
    part($message);
}
