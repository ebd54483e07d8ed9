// The scalar C++ contestant of benchmark.py: one replication after the other, the way a careful programmer writes it.
// Its own generator (xoshiro256++) and samples; the same four fits, Huber and Tukey by the same Newton steps as simcore,
// so that what remains of the difference is the eight replications per register.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

constexpr double mad_factor = 1.482602218505602, huber_k = 1.345, tukey_c = 4.685;

struct Random {  // Blackman & Vigna (2021), seeded by SplitMix64
    uint64_t s[4];

    explicit Random(uint64_t seed) {
        for (uint64_t &word : s) {
            uint64_t z = seed += 0x9e3779b97f4a7c15;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            word = z ^ (z >> 31);
        }
    }

    static uint64_t rotated(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

    double symmetric() {  // in [-1, 1)
        const uint64_t result = rotated(s[0] + s[3], 23) + s[0], t = s[1] << 17;
        s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t, s[3] = rotated(s[3], 45);
        return static_cast<double>(static_cast<int64_t>(result) >> 11) * 0x1p-52;
    }

    double t3() {  // an abscissa of the disc: u^2 = t^2 / (3 + t^2) is Beta(1/2, 3/2), with neither logarithm nor sine
        double u, v;
        do u = symmetric(), v = symmetric();
        while (u * u + v * v >= 1.0);
        return u * std::sqrt(3.0 / (1.0 - u * u));
    }
};

double middle(double *x, int n) {  // the median; reorders x
    std::nth_element(x, x + n / 2, x + n);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2] + *std::max_element(x, x + n / 2));
}

double huber(const double *z, int n) {  // z: in scales, from the median
    double mu = 0.0, high = huber_k + 1.0, low = -high;  // half of the z are within 1 / mad_factor of 0: so is the root
    for (int step = 0; step < 100; ++step) {
        double pull = 0.0;
        int inside = 0;
        for (int i = 0; i < n; ++i) {
            const double r = z[i] - mu;
            pull += std::min(std::max(r, -huber_k), huber_k);
            inside += std::fabs(r) < huber_k;
        }
        (pull > 0.0 ? low : high) = mu;
        double target = mu + pull / inside;
        if (!(target >= low && target <= high)) target = 0.5 * (low + high);
        const double change = std::fabs(target - mu);
        mu = target;
        if (pull == 0.0 || change <= 1e-13) break;
    }
    return mu;
}

double tukey(const double *z, int n) {
    double mu = 0.0;
    for (int step = 0; step < 1000; ++step) {
        double pull = 0.0, slope = 0.0, weights = 0.0;
        for (int i = 0; i < n; ++i) {
            const double r = z[i] - mu, u = r * (1.0 / tukey_c), w = std::max(1.0 - u * u, 0.0), ww = w * w;
            pull += ww * r;
            weights += ww;
            slope += w * (w - 4.0 * u * u);
        }
        const bool newton = slope > 0.5 * weights;
        const double change = pull / (newton ? slope : 0.5 * weights);
        mu += change;
        if (std::fabs(change) <= (newton ? 1e-8 : 1e-13)) break;
    }
    return mu;
}

void fits(const double *x, int n, double *work, double *out, int64_t stride) {
    double total = 0.0;
    for (int i = 0; i < n; ++i) total += x[i];
    std::copy(x, x + n, work);
    const double median = middle(work, n);
    for (int i = 0; i < n; ++i) work[i] = std::fabs(x[i] - median);
    const double scale = mad_factor * middle(work, n);
    for (int i = 0; i < n; ++i) work[i] = (x[i] - median) * (1.0 / scale);
    out[0] = total / n;
    out[stride] = median;
    out[2 * stride] = scale > 0.0 ? median + scale * huber(work, n) : median;
    out[3 * stride] = scale > 0.0 ? median + scale * tukey(work, n) : median;
}

}  // namespace

extern "C" void fit(const double *x, int n, double *out) {
    std::vector<double> work(n);
    fits(x, n, work.data(), out, 1);
}

extern "C" void simulate(uint64_t seed, int n, int64_t replications, double *out) {  // out: (4, replications)
    Random random(seed);
    std::vector<double> x(n), work(n);
    for (int64_t r = 0; r < replications; ++r) {
        for (double &value : x) value = random.t3();
        fits(x.data(), n, work.data(), out + r, replications);
    }
}
