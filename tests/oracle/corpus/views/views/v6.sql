create view v6 as select 'дц' as umlauts;
