// Verifies the tree and the checkpoints of an unpacked bundle, whole or part, with golang.org/x/mod/sumdb: the code that
// Go's own checksum database runs on, from which c2sp.org's signed notes and checkpoints were written down.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o verify verify.go && ./verify BUNDLE
//
// Debian: golang-go, golang-golang-x-mod-dev. Exit 0 if everything follows; 1 if something does not, and it says what.
// The library reads notes, and hashes and proves trees. ECDSA (signature type 0x02 of c2sp.org/signed-note), which it
// does not have, is the standard library's. Which key may sign when, and what records say, is `flops-auditor verify`'s.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An ecdsaKey verifies the notes of one log with one key.
type ecdsaKey struct {
	name string
	hash uint32
	key  *ecdsa.PublicKey
}

func (k ecdsaKey) Name() string    { return k.name }
func (k ecdsaKey) KeyHash() uint32 { return k.hash }
func (k ecdsaKey) Verify(text, signature []byte) bool {
	digest := sha256.Sum256(text)
	return ecdsa.VerifyASN1(k.key, digest[:], signature)
}

// hashes keeps what the library wants stored of a tree.
type hashes []tlog.Hash

func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(*h)) {
			return nil, errors.New("the log has fewer leaves")
		}
		found[i] = (*h)[index]
	}
	return found, nil
}

// A checkpoint is a tree head that a key of the bundle signed.
type checkpoint struct {
	size int64
	root tlog.Hash
}

// A bundle is a folder, and the keys in it.
type bundle struct {
	folder string
	origin string
	keys   note.Verifiers
}

func open(folder string) (*bundle, error) {
	var manifest struct {
		LedgerID string `json:"ledger_id"`
	}
	text, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, err
	}
	names, _ := filepath.Glob(filepath.Join(folder, "keys", "*.pem"))
	var keys []note.Verifier
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%s is no PEM", name)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		public, ok := key.(*ecdsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("%s is no ECDSA key", name)
		}
		digest := sha256.Sum256(block.Bytes)
		keys = append(keys, ecdsaKey{manifest.LedgerID, binary.BigEndian.Uint32(digest[:4]), public})
	}
	return &bundle{folder, manifest.LedgerID, note.VerifierList(keys...)}, nil
}

// read opens a signed note as a checkpoint of this log.
func (b *bundle) read(signed []byte) (checkpoint, error) {
	opened, err := note.Open(signed, b.keys)
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != b.origin || lines[3] != "" {
		return checkpoint{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return checkpoint{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return checkpoint{size, root}, err
}

// checkpoints reads checkpoints.ndjson: each line's checkpoint, and in a part its consistency proof to the newest.
func (b *bundle) checkpoints() ([]checkpoint, []tlog.TreeProof, error) {
	text, err := os.ReadFile(filepath.Join(b.folder, "checkpoints.ndjson"))
	if err != nil {
		return nil, nil, err
	}
	var found []checkpoint
	var proofs []tlog.TreeProof
	for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var said struct {
			Note        string
			Consistency []tlog.Hash
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return nil, nil, err
		}
		read, err := b.read([]byte(said.Note))
		if err != nil {
			return nil, nil, err
		}
		found, proofs = append(found, read), append(proofs, tlog.TreeProof(said.Consistency))
	}
	return found, proofs, nil
}

// whole builds the tree from the leaves and compares its root at every checkpoint.
func (b *bundle) whole(logs []string) (string, error) {
	var stored hashes
	var leaves int64
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
			more, err := tlog.StoredHashes(leaves, line, &stored)
			if err != nil {
				return "", err
			}
			stored, leaves = append(stored, more...), leaves+1
		}
	}
	checkpoints, _, err := b.checkpoints()
	if err != nil {
		return "", err
	}
	newest := checkpoints[len(checkpoints)-1]
	for _, each := range checkpoints {
		root, err := tlog.TreeHash(each.size, &stored)
		if err != nil {
			return "", fmt.Errorf("size %d: %w", each.size, err)
		}
		if root != each.root {
			return "", fmt.Errorf("size %d: the leaves lead to another root", each.size)
		}
		proof, err := tlog.ProveTree(newest.size, each.size, &stored)
		if err != nil {
			return "", err
		}
		if err := tlog.CheckTree(proof, newest.size, newest.root, each.size, each.root); err != nil {
			return "", err
		}
	}
	if newest.size != leaves {
		return "", fmt.Errorf("%d leaves, and a checkpoint of %d", leaves, newest.size)
	}
	return fmt.Sprintf("%d leaves, %d checkpoints", leaves, len(checkpoints)), nil
}

// part follows every proof of a part: of leaves in the newest tree, and of older trees in it.
func (b *bundle) part(leaves []string) (string, error) {
	checkpoints, proofs, err := b.checkpoints()
	if err != nil {
		return "", err
	}
	newest := checkpoints[len(checkpoints)-1]
	for i, each := range checkpoints {
		if err := tlog.CheckTree(proofs[i], newest.size, newest.root, each.size, each.root); err != nil {
			return "", fmt.Errorf("size %d: %w", each.size, err)
		}
	}
	for _, name := range leaves {
		if err := b.leaf(name); err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	return fmt.Sprintf("%d leaves, %d checkpoints", len(leaves), len(checkpoints)), nil
}

// leaf follows the proof of one leaf (c2sp.org/tlog-proof).
func (b *bundle) leaf(name string) error {
	number := strings.TrimSuffix(filepath.Base(name), ".json")
	line, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(b.folder, "proofs", number+".tlog-proof"))
	if err != nil {
		return err
	}
	head, signed, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	if fmt.Sprintf("%020d", index) != number {
		return fmt.Errorf("the proof is that of leaf %d", index)
	}
	var path tlog.RecordProof
	for _, each := range lines[2:] {
		bytes, err := base64.StdEncoding.DecodeString(each)
		if err != nil || len(bytes) != tlog.HashSize {
			return errors.New("a hash that is none")
		}
		path = append(path, tlog.Hash(bytes))
	}
	newest, err := b.read([]byte(signed))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, newest.size, newest.root, index, tlog.RecordHash(line))
}

func run(folder string) (string, error) {
	b, err := open(folder)
	if err != nil {
		return "", err
	}
	if logs, _ := filepath.Glob(filepath.Join(folder, "log", "*.ndjson")); len(logs) > 0 {
		return b.whole(logs)
	}
	leaves, _ := filepath.Glob(filepath.Join(folder, "leaves", "*.json"))
	if len(leaves) == 0 {
		return "", errors.New("no leaves")
	}
	return b.part(leaves)
}

func main() {
	said, err := run(os.Args[1])
	if err != nil {
		fmt.Println("not verified:", err)
		os.Exit(1)
	}
	fmt.Println("verified:", said)
}
