// Package scheduler runs jobs at their time, a few at once, and tries failed ones again.
package scheduler

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"sort"
	"strings"
	"sync"
	"time"
)

// ErrClosed is returned by Submit after Close.
var ErrClosed = errors.New("scheduler: closed")

// ErrUnknownJob is returned when a job is not, or no longer, known.
var ErrUnknownJob = errors.New("scheduler: unknown job")

// State tells how far a job has come.
type State int

// The states of a job, in the order in which it goes through them.
const (
	Waiting State = iota
	Running
	Succeeded
	Failed
	Cancelled
)

func (s State) String() string {
	names := []string{"waiting", "running", "succeeded", "failed", "cancelled"}
	if int(s) < 0 || int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return names[s]
}

// Work is what a job does. It should return soon after ctx is done.
type Work func(ctx context.Context) error

// Job is one piece of work with its history.
type Job struct {
	ID       string
	Priority int
	NotBefore time.Time
	Attempts int
	State    State
	LastErr  error
	work     Work
	index    int
	cancel   context.CancelFunc
}

// Policy says how often a failed job is tried again, and how long to wait before.
type Policy struct {
	MaxAttempts int
	FirstDelay  time.Duration
	LongestDelay time.Duration
	Jitter      float64
}

// DefaultPolicy tries three times, with half a second before the second attempt.
var DefaultPolicy = Policy{
	MaxAttempts:  3,
	FirstDelay:   500 * time.Millisecond,
	LongestDelay: 30 * time.Second,
	Jitter:       0.2,
}

// Delay returns how long to wait before the given attempt, which counts from one.
func (p Policy) Delay(attempt int, random *rand.Rand) time.Duration {
	delay := p.FirstDelay
	for i := 1; i < attempt; i++ {
		delay *= 2
		if delay > p.LongestDelay {
			delay = p.LongestDelay
			break
		}
	}
	if p.Jitter > 0 {
		spread := float64(delay) * p.Jitter
		delay += time.Duration(spread * (2*random.Float64() - 1))
	}
	return delay
}

type queue []*Job

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].NotBefore.Equal(q[j].NotBefore) {
		return q[i].NotBefore.Before(q[j].NotBefore)
	}
	return q[i].Priority > q[j].Priority
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index = i
	q[j].index = j
}

func (q *queue) Push(x any) {
	job := x.(*Job)
	job.index = len(*q)
	*q = append(*q, job)
}

func (q *queue) Pop() any {
	old := *q
	last := len(old) - 1
	job := old[last]
	old[last] = nil
	job.index = -1
	*q = old[:last]
	return job
}

// Clock is what the scheduler knows of time; tests put their own in its place.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Scheduler owns the queue and the workers.
type Scheduler struct {
	mu      sync.Mutex
	wake    chan struct{}
	waiting queue
	jobs    map[string]*Job
	policy  Policy
	clock   Clock
	random  *rand.Rand
	logger  *slog.Logger
	slots   chan struct{}
	workers sync.WaitGroup
	closed  bool
}

// New returns a scheduler that runs at most numWorkers jobs at once.
func New(numWorkers int, policy Policy, clock Clock, logger *slog.Logger) *Scheduler {
	if clock == nil {
		clock = systemClock{}
	}
	if logger == nil {
		logger = slog.Default()
	}
	return &Scheduler{
		wake:   make(chan struct{}, 1),
		jobs:   make(map[string]*Job),
		policy: policy,
		clock:  clock,
		random: rand.New(rand.NewSource(clock.Now().UnixNano())),
		logger: logger.With("component", "scheduler"),
		slots:  make(chan struct{}, numWorkers),
	}
}

// Submit queues work under an id. A job of the same id that has ended is replaced.
func (s *Scheduler) Submit(id string, priority int, notBefore time.Time, work Work) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if known, ok := s.jobs[id]; ok && known.State <= Running {
		return fmt.Errorf("scheduler: job %q is %s already", id, known.State)
	}
	job := &Job{ID: id, Priority: priority, NotBefore: notBefore, work: work}
	s.jobs[id] = job
	heap.Push(&s.waiting, job)
	s.nudge()
	return nil
}

// Cancel stops a job that waits or runs. One that has ended stays as it is.
func (s *Scheduler) Cancel(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	job, ok := s.jobs[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownJob, id)
	}
	switch job.State {
	case Waiting:
		heap.Remove(&s.waiting, job.index)
		job.State = Cancelled
	case Running:
		job.cancel()
	}
	return nil
}

// Run takes jobs from the queue until ctx is done, and waits for those that run.
func (s *Scheduler) Run(ctx context.Context) error {
	defer s.workers.Wait()
	for {
		job, wait := s.next()
		if job != nil {
			if err := s.start(ctx, job); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-s.clock.After(wait):
		}
	}
}

// next returns the job to run now, or how long there is nothing to do.
func (s *Scheduler) next() (*Job, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil, time.Hour
	}
	first := s.waiting[0]
	wait := first.NotBefore.Sub(s.clock.Now())
	if wait > 0 {
		return nil, wait
	}
	heap.Pop(&s.waiting)
	return first, 0
}

func (s *Scheduler) start(ctx context.Context, job *Job) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	working, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	job.State = Running
	job.Attempts++
	job.cancel = cancel
	s.mu.Unlock()
	s.workers.Add(1)
	go func() {
		defer s.workers.Done()
		defer func() { <-s.slots }()
		defer cancel()
		s.finish(job, s.guard(working, job))
	}()
	return nil
}

// guard runs the work and turns a panic into an error.
func (s *Scheduler) guard(ctx context.Context, job *Job) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("job %q panicked: %v", job.ID, cause)
		}
	}()
	return job.work(ctx)
}

func (s *Scheduler) finish(job *Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job.LastErr = err
	switch {
	case err == nil:
		job.State = Succeeded
	case errors.Is(err, context.Canceled):
		job.State = Cancelled
	case job.Attempts < s.policy.MaxAttempts && !s.closed:
		delay := s.policy.Delay(job.Attempts, s.random)
		s.logger.Warn("job failed, trying again", "job", job.ID, "error", err, "delay", delay)
		job.State = Waiting
		job.NotBefore = s.clock.Now().Add(delay)
		heap.Push(&s.waiting, job)
		s.nudge()
	default:
		s.logger.Error("job failed", "job", job.ID, "attempts", job.Attempts, "error", err)
		job.State = Failed
	}
}

// nudge wakes Run; one waiting nudge is enough.
func (s *Scheduler) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close takes no more jobs and cancels those that wait.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, job := range s.waiting {
		job.State = Cancelled
	}
	s.waiting = nil
	s.nudge()
}

// Snapshot returns a copy of all jobs, sorted by id.
func (s *Scheduler) Snapshot() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := make([]Job, 0, len(s.jobs))
	for _, job := range s.jobs {
		jobs = append(jobs, *job)
	}
	sort.Slice(jobs, func(i, j int) bool { return jobs[i].ID < jobs[j].ID })
	return jobs
}

// Report describes the jobs in a few lines for people.
func (s *Scheduler) Report() string {
	counts := make(map[State]int)
	var failures []string
	for _, job := range s.Snapshot() {
		counts[job.State]++
		if job.State == Failed {
			failures = append(failures, fmt.Sprintf("%s: %v", job.ID, job.LastErr))
		}
	}
	var report strings.Builder
	for state := Waiting; state <= Cancelled; state++ {
		if counts[state] > 0 {
			fmt.Fprintf(&report, "%-10s %d\n", state, counts[state])
		}
	}
	if len(failures) > 0 {
		report.WriteString("failures:\n  " + strings.Join(failures, "\n  ") + "\n")
	}
	return report.String()
}
