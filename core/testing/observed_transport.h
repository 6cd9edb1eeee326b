// A transport that tells an observer of the simulator what its clients are about to do and have done. It changes nothing.
//
// Thread safety: none.
#pragma once

#include <memory>

#include <weir/core/testing/simulation_observer.h>
#include <weir/core/transport.h>

namespace weir {

// The observer outlives the transport and its clients. `inner` is shared with whoever made it.
[[nodiscard]] std::unique_ptr<Transport> make_observed_transport(std::shared_ptr<Transport> inner,
                                                                 int instance, SimulationObserver& observer);

}  // namespace weir
