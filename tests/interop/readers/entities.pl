# Reads messages with MIME::Parser and prints every entity that it sees, one line each.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256_hex);
use Encode qw(decode);
use MIME::Parser;

binmode STDOUT, ':utf8';

sub line { print join("\t", @_), "\n" }

sub text {
    my ($value) = @_;
    return '' unless defined $value;
    chomp $value;
    return decode('MIME-Header', $value);
}

sub parameters {
    my ($head) = @_;
    my @found;
    for my $key (qw(charset format method type)) {
        my $value = $head->mime_attr("content-type.$key");
        push @found, "$key=$value" if defined $value;
    }
    return join ';', @found;
}

sub entity {
    my ($entity, $depth) = @_;
    my $head = $entity->head;
    my $kind = $entity->mime_type;
    my $name = $head->recommended_filename // '';
    $name = decode('UTF-8', $name) unless utf8::is_utf8($name);
    my $disposition = $head->mime_attr('content-disposition') // '';
    my $id = $head->get('content-id') // '';
    $id =~ s/^\s*<|>\s*$//g;
    my @facts = ($depth, $kind, parameters($head), $name, $disposition,
        text($head->get('content-description')), $id);
    if ($kind =~ m{^multipart/}) {
        line('entity', @facts, '-', '-');
        entity($_, $depth + 1) for $entity->parts;
        return;
    }
    my $content = $entity->bodyhandle->as_string;
    if ($kind eq 'message/rfc822' || ($name eq '' && $kind =~ m{^text/})) {
        $content =~ s/\r\n/\n/g;
        $content =~ s/\n+\z// if $depth == 0;
    }
    line('entity', @facts, length $content, sha256_hex($content));
}

for my $path (@ARGV) {
    line('message', $path);
    my $parser = MIME::Parser->new;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    # A message within the message is content like any other, so that its bytes can be looked at.
    $parser->extract_nested_messages(0);
    my $message = $parser->parse_open($path);
    line('defect', $_) for $parser->results->errors, $parser->results->warnings;
    $message->head->unfold;
    line('subject', text($message->head->get('subject')));
    line('*');
    entity($message, 0);
}
