// Shows one certificate and signs with the key of another: what somebody does who has stolen a certificate, which is
// no secret, but not its key. Most TLS libraries refuse to be set up like this; Go's does not look.
//
// Usage: impostor client|server HOST:PORT CERTIFICATE KEY (the latter two in PEM)
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func main() {
	role, address := os.Args[1], os.Args[2]
	certificate, _ := pem.Decode([]byte(os.Args[3]))
	keyBlock, _ := pem.Decode([]byte(os.Args[4]))
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		panic(err)
	}
	own := tls.Certificate{Certificate: [][]byte{certificate.Bytes}, PrivateKey: key}
	config := &tls.Config{
		Certificates:       []tls.Certificate{own},
		InsecureSkipVerify: true,
		// Also when the server asks for one of another authority.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
	}
	if role == "client" {
		connection, err := tls.Dial("tcp", address, config)
		report(connection, err)
		return
	}
	listener, err := tls.Listen("tcp", address, config)
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	connection, err := listener.Accept()
	if err == nil {
		err = connection.(*tls.Conn).Handshake()
	}
	report(connection.(*tls.Conn), err)
}

// report tells whether anything was said to us.
func report(connection *tls.Conn, err error) {
	if err == nil {
		connection.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = connection.Read(make([]byte, 1))
	}
	if err == nil {
		fmt.Println("trusted")
	} else {
		fmt.Println("refused")
	}
}
