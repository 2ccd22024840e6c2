/// \file balanced.hpp
/// Balanced phasors, and what "right to first order" means.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <functional>
#include <numbers>

#include "dec/feeder/phases.hpp"

namespace dec::test {

/// Phasor of one volt on a phase; the legs of a secondary as they are, opposite to each other.
inline std::complex<double> unit_phasor(feeder::Phase phase) {
    constexpr double turn = 2.0 * std::numbers::pi / 3.0;
    switch (phase) {
        case feeder::Phase::a:
        case feeder::Phase::s1: return 1.0;
        case feeder::Phase::b: return std::polar(1.0, -turn);
        case feeder::Phase::c: return std::polar(1.0, turn);
        case feeder::Phase::s2: break;
    }
    return -1.0;
}

/// A linear model is right if it is exact where nothing flows and its error shrinks with the square of what flows.
/// \param error of the model at a fraction of the load. \param at_full_load what the error may be there.
inline void check_first_order(std::function<double(double)> const& error, double at_full_load) {
    double const full = error(1.0);
    double const half = error(0.5);
    double const quarter = error(0.25);
    CAPTURE(full, half, quarter);
    CHECK(error(0.0) < 1e-12);
    CHECK(full < at_full_load);
    CHECK(half < 0.28 * full + 1e-12);
    CHECK(quarter < 0.28 * half + 1e-12);
}

}  // namespace dec::test
