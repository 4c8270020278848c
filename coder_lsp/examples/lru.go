// Package lru is a cache that forgets what was used longest ago.
package lru

import (
	"container/list"
	"errors"
	"sync"
)

// ErrCapacity is returned by New for a capacity below one.
var ErrCapacity = errors.New("lru: capacity should be at least 1")

type entry struct {
	key   string
	value []byte
}

// Cache is safe for use by several goroutines.
type Cache struct {
	mutex    sync.Mutex
	capacity int
	order    *list.List
	entries  map[string]*list.Element
}

// New returns an empty cache for at most capacity entries.
func New(capacity int) (*Cache, error) {
	if capacity < 1 {
		return nil, ErrCapacity
	}
	return &Cache{
		capacity: capacity,
		order:    list.New(),
		entries:  make(map[string]*list.Element),
	}, nil
}

// Get returns the value of key and whether it was there.
func (c *Cache) Get(key string) ([]byte, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*entry).value, true
}

// Put stores value under key; the oldest entry makes room for it.
func (c *Cache) Put(key string, value []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if element, ok := c.entries[key]; ok {
		element.Value.(*entry).value = value
		c.order.MoveToFront(element)
		return
	}
	c.entries[key] = c.order.PushFront(&entry{key, value})
	if c.order.Len() > c.capacity {
		c.removeOldest()
	}
}

// Len returns how many entries there are.
func (c *Cache) Len() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.order.Len()
}

func (c *Cache) removeOldest() {
	element := c.order.Back()
	if element == nil {
		return
	}
	c.order.Remove(element)
	delete(c.entries, element.Value.(*entry).key)
}
