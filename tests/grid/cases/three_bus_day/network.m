function mpc = three_bus
% Three buses in a ring, a cheap and a dear unit, a third that is a wind park in periods.json.
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
	1	3	0	0	0	0	1	1	0	230	1	1.1	0.9;
	2	2	40	10	0	0	1	1	0	230	1	1.1	0.9;
	3	1	80	25	0	0	1	1	0	230	1	1.1	0.9;
];
mpc.gen = [
	1	0	0	80	-80	1.0	100	1	150	40;
	2	0	0	60	-60	1.0	100	1	90	10;
	3	0	0	30	-30	1.0	100	1	60	0;
];
mpc.gencost = [
	2	0	0	3	0.02	12	200;
	2	0	0	2	35	100	0;
	2	0	0	2	0	0	0;
];
mpc.branch = [
	1	2	0.01	0.1	0.02	100	100	105	0	0	1	-30	30;
	1	3	0.01	0.1	0.02	100	100	105	0	0	1	-30	30;
	2	3	0.01	0.1	0.02	60	70	80	0.98	0	1	-30	30;
];
