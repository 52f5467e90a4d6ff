// A server with TLS by Go. Arguments: the port, a certificate with RSA and its key, one with ECDSA and its key.
package main

import (
	"crypto/tls"
	"log"
	"net"
	"os"
)

func main() {
	config := &tls.Config{MinVersion: tls.VersionTLS10}
	for _, suites := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range suites {
			config.CipherSuites = append(config.CipherSuites, suite.ID)
		}
	}
	for _, at := range []int{2, 4} {
		pair, err := tls.LoadX509KeyPair(os.Args[at], os.Args[at+1])
		if err != nil {
			log.Fatal(err)
		}
		config.Certificates = append(config.Certificates, pair)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		stream, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer stream.Close()
			secure := tls.Server(stream, config)
			if secure.Handshake() == nil {
				secure.Write([]byte("220 odd.test ESMTP\r\n"))
				secure.Read(make([]byte, 1000))
			}
		}()
	}
}
