// Everything a program needs to describe a topology: include this as <weir/weir.h>.
#pragma once

#include <weir/core/serde.h>
#include <weir/operators/aggregate.h>
#include <weir/operators/cogroup.h>
#include <weir/operators/count.h>
#include <weir/operators/filter.h>
#include <weir/operators/flat_map.h>
#include <weir/operators/flat_map_values.h>
#include <weir/operators/for_each.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_table.h>
#include <weir/operators/map.h>
#include <weir/operators/map_values.h>
#include <weir/operators/merge.h>
#include <weir/operators/peek.h>
#include <weir/operators/process.h>
#include <weir/operators/reduce.h>
#include <weir/operators/repartition.h>
#include <weir/operators/select_key.h>
#include <weir/operators/split.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/to_table.h>
#include <weir/operators/windowed_by.h>
#include <weir/operators/windowed_cogroup.h>
