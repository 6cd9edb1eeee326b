// C11's threads as the thread sanitizer can see them.
//
// librdkafka locks and waits through mtx_*, cnd_* and thrd_*. The sanitizer of gcc 12 and clang 14 intercepts the pthread
// calls only: a thread made by thrd_create has no state in it and crashes at its first instrumented call, and a lock taken
// by mtx_lock orders nothing. This file, linked into a test program with its symbols exported (-rdynamic), comes before
// the C library in the search for these names and hands each call to the pthread function that does the same.
//
// glibc's C11 types are its pthread types under other names, which the assertions below check.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t is a pthread_t");

static int outcome(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

// A C11 thread returns an int, a pthread a pointer.
struct start {
  thrd_start_t function;
  void* argument;
};

static void* run(void* pointer) {
  const struct start start = *(struct start*)pointer;
  free(pointer);
  return (void*)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  struct start* start = malloc(sizeof *start);
  if (start == NULL) return thrd_nomem;
  start->function = function;
  start->argument = argument;
  const int error = pthread_create((pthread_t*)thread, NULL, run, start);
  if (error != 0) free(start);
  return error == EAGAIN ? thrd_nomem : outcome(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* returned = NULL;
  const int error = pthread_join((pthread_t)thread, &returned);
  if (error == 0 && result != NULL) *result = (int)(intptr_t)returned;
  return outcome(error);
}

int thrd_detach(thrd_t thread) { return outcome(pthread_detach((pthread_t)thread)); }

_Noreturn void thrd_exit(int result) { pthread_exit((void*)(intptr_t)result); }

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes,
                            (type & mtx_recursive) ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
  const int error = pthread_mutex_init((pthread_mutex_t*)mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return outcome(error);
}

int mtx_lock(mtx_t* mutex) { return outcome(pthread_mutex_lock((pthread_mutex_t*)mutex)); }

int mtx_trylock(mtx_t* mutex) { return outcome(pthread_mutex_trylock((pthread_mutex_t*)mutex)); }

int mtx_timedlock(mtx_t* restrict mutex, const struct timespec* restrict until) {
  return outcome(pthread_mutex_timedlock((pthread_mutex_t*)mutex, until));
}

int mtx_unlock(mtx_t* mutex) { return outcome(pthread_mutex_unlock((pthread_mutex_t*)mutex)); }

void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy((pthread_mutex_t*)mutex); }

int cnd_init(cnd_t* condition) { return outcome(pthread_cond_init((pthread_cond_t*)condition, NULL)); }

int cnd_signal(cnd_t* condition) { return outcome(pthread_cond_signal((pthread_cond_t*)condition)); }

int cnd_broadcast(cnd_t* condition) { return outcome(pthread_cond_broadcast((pthread_cond_t*)condition)); }

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return outcome(pthread_cond_wait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex));
}

int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict until) {
  return outcome(pthread_cond_timedwait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex, until));
}

void cnd_destroy(cnd_t* condition) { pthread_cond_destroy((pthread_cond_t*)condition); }
