// A transport that tells an observer of the simulator what its clients are about to do and have done. It changes nothing, but that
// fetches may be small.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <memory>

#include <weir/core/testing/simulation_observer.h>
#include <weir/core/transport.h>

namespace weir {

// The observer outlives the transport and its clients. `inner` is shared with whoever made it. Of a partition at most
// `fetched_records` come at once; 0: as many as are asked for.
[[nodiscard]] std::unique_ptr<Transport> make_observed_transport(std::shared_ptr<Transport> inner,
                                                                 int instance, std::size_t fetched_records,
                                                                 SimulationObserver& observer);

}  // namespace weir
