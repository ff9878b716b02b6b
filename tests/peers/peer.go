// SPDX-License-Identifier: AGPL-3.0-or-later

// A client of Phantom on github.com/flynn/noise (Debian: golang-github-flynn-noise-dev): NX and XX,
// whose Noise is that library's; the key schedule and the records are written from the protocol's
// description.
//
//	peer nx|xx HOST:PORT ROOT_KEY NAME COUNT
//
// Checks the server's certificate against the root, sends COUNT messages to the echo service and
// compares each reply. Exit status 0 when all was right.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/flynn/noise"
)

const (
	clientHello  = 0xa0
	serverHello  = 0xa1
	clientFinish = 0xa2
	data         = 0xb0
	heartbeat    = 0xb1
	closing      = 0xbf
)

func die(format string, a ...interface{}) {
	fmt.Fprintf(os.Stderr, "peer: "+format+"\n", a...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		die("%s: %v", what, err)
	}
}

// The library does not give out what it splits into, but it makes a cipher of each key: the last
// two are those.
type listening struct {
	noise.CipherFunc
	keys *[][32]byte
}

func (l listening) Cipher(k [32]byte) noise.Cipher {
	*l.keys = append(*l.keys, k)
	return l.CipherFunc.Cipher(k)
}

func expand(key []byte, info ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range info {
		h.Write(part)
	}
	h.Write([]byte{1})
	return h.Sum(nil)
}

func be64(n uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, n)
}

type direction struct {
	number   byte
	seed, iv []byte
	block, n uint64
}

func newDirection(number byte, t, h []byte) *direction {
	return &direction{
		number: number,
		seed:   expand(t, []byte("PHS1 seed"), []byte{number}, h),
		iv:     expand(t, []byte("PHS1 iv"), []byte{number}, h)[:12],
	}
}

func (d *direction) next(kind byte) (gcm cipher.AEAD, sign, nonce []byte) {
	for d.block < d.n>>8 {
		d.block++
		d.seed = expand(d.seed, []byte("PHS1 next"), []byte{d.number}, be64(d.block))
	}
	enc := expand(d.seed, []byte("PHS1 enc"), []byte{kind}, be64(d.n))
	sign = expand(d.seed, []byte("PHS1 mac"), []byte{kind}, be64(d.n))
	nonce = append([]byte{}, d.iv...)
	for i, b := range be64(d.n) {
		nonce[4+i] ^= b
	}
	block, err := aes.NewCipher(enc)
	must(err, "AES")
	gcm, err = cipher.NewGCM(block)
	must(err, "GCM")
	d.n++
	return gcm, sign, nonce
}

func tagOf(sealed []byte) []byte {
	return sealed[len(sealed)-16:]
}

func (d *direction) seal(kind, flags byte, plain []byte) []byte {
	head := []byte{kind, flags}
	plain = append(append([]byte{}, plain...), 0x80)
	for len(plain)%16 != 0 {
		plain = append(plain, 0)
	}
	head = binary.BigEndian.AppendUint16(head, uint16(len(plain)))
	head = append(append(head, 0, 0, 0, 0), be64(d.n)...)
	gcm, sign, nonce := d.next(kind)
	sealed := gcm.Seal(nil, nonce, plain, head)
	mac := hmac.New(sha256.New, sign)
	mac.Write(head)
	mac.Write(tagOf(sealed))
	return mac.Sum(append(append([]byte{}, head...), sealed...))
}

func (d *direction) open(head, rest []byte) (byte, []byte) {
	if n := binary.BigEndian.Uint64(head[8:]); n != d.n {
		die("operation %d came, %d was due", n, d.n)
	}
	gcm, sign, nonce := d.next(head[0])
	sealed, sig := rest[:len(rest)-32], rest[len(rest)-32:]
	mac := hmac.New(sha256.New, sign)
	mac.Write(head)
	mac.Write(tagOf(sealed))
	if !hmac.Equal(mac.Sum(nil), sig) {
		die("the signature of operation %d is wrong", d.n-1)
	}
	plain, err := gcm.Open(nil, nonce, sealed, head)
	must(err, "a record")
	plain = bytes.TrimRight(plain, "\x00")
	return head[0], plain[:len(plain)-1]
}

type link struct {
	net.Conn
	out, in *direction
}

func (l *link) take(n int) []byte {
	b := make([]byte, n)
	_, err := io.ReadFull(l, b)
	must(err, "reading")
	return b
}

func (l *link) put(kind, flags byte, plain []byte) {
	_, err := l.Write(l.out.seal(kind, flags, plain))
	must(err, "writing")
}

func (l *link) get() (byte, []byte) {
	for {
		head := l.take(16)
		kind, plain := l.in.open(head, l.take(int(binary.BigEndian.Uint16(head[2:]))+48))
		if kind != heartbeat {
			return kind, plain
		}
	}
}

func (l *link) frame(kind, suite byte, body []byte) {
	head := binary.BigEndian.AppendUint16([]byte{kind, suite}, uint16(len(body)))
	_, err := l.Write(append(head, body...))
	must(err, "writing")
}

func (l *link) takeFrame(kind, suite byte) []byte {
	head := l.take(4)
	if head[0] != kind || head[1] != suite {
		die("frame %#x of suite %#x came", head[0], head[1])
	}
	return l.take(int(binary.BigEndian.Uint16(head[2:])))
}

// "PHS1 cert" | x25519 32 | not before 8 | not after 8 | key id 8 | name length 1 | name | signature 64
func checkCertificate(cert, root, static []byte, name string) {
	if len(cert) < 130 || string(cert[:9]) != "PHS1 cert" {
		die("that is no certificate")
	}
	signed, signature := cert[:len(cert)-64], cert[len(cert)-64:]
	if !ed25519.Verify(root, signed, signature) {
		die("the certificate is not signed by the root")
	}
	if !bytes.Equal(cert[9:41], static) {
		die("the certificate is of another key")
	}
	now := uint64(time.Now().Unix())
	if now < binary.BigEndian.Uint64(cert[41:]) || now > binary.BigEndian.Uint64(cert[49:]) {
		die("the certificate is not valid now")
	}
	if n := int(cert[65]); 66+n != len(signed) || string(cert[66:66+n]) != name {
		die("the certificate is of another name")
	}
}

func shake(l *link, suite byte, root []byte, name string) {
	var keys [][32]byte
	nonce := make([]byte, 16)
	pattern := noise.HandshakeNX
	if suite == 4 {
		pattern = noise.HandshakeXX
	}
	config := noise.Config{
		CipherSuite: noise.NewCipherSuite(noise.DH25519,
			listening{noise.CipherAESGCM, &keys}, noise.HashSHA256),
		Pattern:   pattern,
		Initiator: true,
		Prologue: append(append([]byte("PHANTOM/1"), suite, byte(len(name))),
			append([]byte(name), make([]byte, 32)...)...),
	}
	if suite == 4 {
		own, err := noise.DH25519.GenerateKeypair(rand.Reader)
		must(err, "a key")
		config.StaticKeypair = own
	}
	state, err := noise.NewHandshakeState(config)
	must(err, "noise")
	rand.Read(nonce)
	hello, _, _, err := state.WriteMessage(nil, nonce)
	must(err, "the hello")
	l.frame(clientHello, suite, hello)
	payload, _, _, err := state.ReadMessage(nil, l.takeFrame(serverHello, suite))
	must(err, "the server's hello")
	checkCertificate(payload[16:], root, state.PeerStatic(), name)
	if suite == 4 {
		finish, _, _, err := state.WriteMessage(nil, make([]byte, 16))
		must(err, "the finish")
		l.frame(clientFinish, suite, finish)
	}
	t := keys[len(keys)-2:]
	l.out = newDirection(0, t[0][:], state.ChannelBinding())
	l.in = newDirection(1, t[1][:], state.ChannelBinding())
	if suite == 3 {
		l.put(clientFinish, 0, nil)
	}
}

func main() {
	if len(os.Args) != 6 {
		die("usage: peer nx|xx HOST:PORT ROOT_KEY NAME COUNT")
	}
	suite := map[string]byte{"nx": 3, "xx": 4}[os.Args[1]]
	root, err := hex.DecodeString(os.Args[3])
	must(err, "the root's key")
	count, err := strconv.Atoi(os.Args[5])
	must(err, "the count")
	conn, err := net.DialTimeout("tcp", os.Args[2], 20*time.Second)
	must(err, "connecting")
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	l := &link{Conn: conn}
	shake(l, suite, root, os.Args[4])
	for i := 1; i <= count; i++ {
		payload := make([]byte, i*7%4000)
		rand.Read(payload)
		text := append([]byte{1, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(i))...)
		text = append(text, payload...)
		l.put(data, 2, text)
		kind, reply := l.get()
		text[1] = 1
		if kind != data || !bytes.Equal(reply, text) {
			die("message %d came back as something else (%#x)", i, kind)
		}
	}
	l.put(closing, 0, nil)
	fmt.Printf("%d messages came back, %s\n", count, os.Args[1])
}
